"""The admin's console: TypeScript sources, and the step that bundles them."""
