package extproc

import "time"

// crew runs jobs in goroutines that it keeps for a while: a goroutine whose
// stack has grown once need not grow it for every exchange. Its zero value is
// of no use; make it with its channel.
type crew struct{ jobs chan func() }

// restAfter is how long a goroutine without a job stays.
const restAfter = 10 * time.Second

// do runs job beside the caller, at once.
func (c crew) do(job func()) {
	select {
	case c.jobs <- job: // somebody is idle
	default:
		go c.work(job)
	}
}

func (c crew) work(job func()) {
	rest := time.NewTimer(restAfter)
	defer rest.Stop()
	for {
		job()
		rest.Reset(restAfter)
		select {
		case job = <-c.jobs:
		case <-rest.C:
			return
		}
	}
}
