// The AWS SDK for Go in a process that lives for days: for each line it reads it lists buckets, and says how that went.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func main() {
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		panic(err)
	}
	client := s3.NewFromConfig(settings, func(options *s3.Options) {
		options.EndpointResolver = s3.EndpointResolverFromURL(os.Args[1])
		options.UsePathStyle = true
	})
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if _, err := client.ListBuckets(ctx, &s3.ListBucketsInput{}); err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("ok")
		}
	}
}
