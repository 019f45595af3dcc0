//go:build tools

package policies

import _ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
