package recording

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"gocloud.dev/blob"
)

// deleteVersions deletes what a bucket of S3 that keeps versions still has of a pack's
// objects that were deleted. Other stores are not asked: see docs/recording.md.
func deleteVersions(ctx context.Context, b *blob.Bucket, id string) error {
	var client *s3.Client
	if !b.As(&client) {
		return nil
	}
	in, err := versionsOf(ctx, b, id)
	if err != nil {
		return err
	}
	for pages := s3.NewListObjectVersionsPaginator(client, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		var refused smithy.APIError
		if errors.As(err, &refused) && refused.ErrorCode() == "NotImplemented" {
			return nil // then it has none
		}
		if err != nil {
			return fmt.Errorf("looking for versions that the outside store keeps: %w", err)
		}
		for _, v := range page.Versions {
			if aws.ToBool(v.IsLatest) {
				continue
			}
			if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: in.Bucket, Key: v.Key, VersionId: v.VersionId}); err != nil {
				return fmt.Errorf("deleting a version of object %q, which has all of it still: %w", aws.ToString(v.Key), err)
			}
		}
	}
	return nil
}

// versionsOf asks for the versions of a pack's objects. What the bucket is called, and
// what stands before its keys, is in what its driver asks for.
func versionsOf(ctx context.Context, b *blob.Bucket, id string) (*s3.ListObjectVersionsInput, error) {
	in := &s3.ListObjectVersionsInput{}
	objects := b.List(&blob.ListOptions{Prefix: id + "-", BeforeList: func(as func(any) bool) error {
		var list *s3.ListObjectsV2Input
		if !as(&list) {
			return errors.New("the driver lists objects in another way")
		}
		in.Bucket, in.Prefix = list.Bucket, list.Prefix
		return nil
	}})
	if _, err := objects.Next(ctx); err != nil && err != io.EOF {
		return nil, fmt.Errorf("looking for versions that the outside store keeps: %w", err)
	}
	return in, nil
}
