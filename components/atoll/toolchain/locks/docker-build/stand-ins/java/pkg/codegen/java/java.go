// Package java holds what pulumi-docker-build takes from pulumi-java, a module that no proxy serves: one struct, which
// describes in the plugin's schema how an SDK for Java would be made of it. Building an image reads none of it.
package java

// PackageInfo describes an SDK for Java.
type PackageInfo struct {
	BuildFiles                      string            `json:"buildFiles"`
	GradleNexusPublishPluginVersion string            `json:"gradleNexusPublishPluginVersion"`
	Dependencies                    map[string]string `json:"dependencies,omitempty"`
}
