"""Shows the platform on a real API server until it is interrupted: `make cluster-demo`."""

import signal
import threading
from pathlib import Path

from tests.cluster.binaries import programs_folder
from tests.cluster.demo.platform import MODELS, DemoCluster, demo_manifest, running_cluster

_PROMPT = '{"model": "fairlead-demo", "stream": true, "messages": [{"role": "user", "content": "What is Fairlead?"}]}'


def main() -> None:
    """Run it, say how it is used, and wait."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    print("Starting the control plane, Valkey, Ray, the gateway and the operator: about half a minute", flush=True)
    with running_cluster() as cluster:
        print(_welcome(cluster, demo_manifest(cluster.home.root)), flush=True)
        stop.wait()
        print("Ending all of it", flush=True)


def _welcome(cluster: DemoCluster, manifest: Path) -> str:
    token = cluster.home.root / "token"
    token.touch(mode=0o600)
    token.write_text(cluster.token)
    return f"""
The cluster runs, without containers and without a model. In another terminal:

  export KUBECONFIG={cluster.control_plane.kubeconfig}
  export PATH={programs_folder()}:$PATH

  kubectl apply -n {MODELS} -f {manifest}
  kubectl wait -n {MODELS} --for=condition=Ready mdep/demo --timeout=300s
  kubectl get mdep -A -o wide

  curl -N {cluster.url}/v1/chat/completions -H "Authorization: Bearer $(cat {token})" \\
    -H 'Content-Type: application/json' -d '{_PROMPT}'

Logs lie in {cluster.home.logs}. Ctrl-C ends everything.
"""


if __name__ == "__main__":
    main()
