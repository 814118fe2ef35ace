"""What the parts of Fairlead agree on.

The manifest (`modeldeployment`), the pure plan from a manifest to a Ray Serve application (`serve_config`), what the
gateway knows of a model (`routing`), who may call (`tenants`, `api_keys`, `hop`), the error tree (`errors`) and the
names that appear in more than one part (`names`, `telemetry`).
"""
