// Package codegen holds what pulumi-docker-build takes from pulumi-dotnet, a module that no proxy serves: one struct,
// which describes in the plugin's schema how an SDK for C# would be made of it. Building an image reads none of it.
package codegen

// CSharpPackageInfo describes an SDK for C#.
type CSharpPackageInfo struct {
	RespectSchemaVersion bool              `json:"respectSchemaVersion,omitempty"`
	PackageReferences    map[string]string `json:"packageReferences,omitempty"`
}
