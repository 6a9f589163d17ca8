package main
import ("os";"cloakroom/bench/corpus")
func main(){ var v []byte; for _, x := range corpus.Values(1000) { v = append(append(v, x...), 0) }; os.WriteFile("/tmp/values.txt", v, 0o644) }
