"""Whether docker/k8s is what Kubernetes and KEDA take: put together by kustomize, and held against their schemas."""

import json

import jsonschema
import kubernetes_validate
import yaml

from docker import HERE, ROOT, Failed, run

FOLDER = ROOT / "docker/k8s"
# The oldest and the newest that it is checked for.
VERSIONS = ["1.30.0", "1.37.0"]
# Those of definitions that Kubernetes has not by itself.
CUSTOM = {("keda.sh/v1alpha1", "ScaledObject"): HERE / "keda-scaledobject.schema.json"}


def check():
    together = list(yaml.safe_load_all(run(run(HERE / "newer.sh", "kustomize"), "build", FOLDER)))
    secret = yaml.safe_load((FOLDER / "secret.example.yaml").read_text())
    for document in [*together, secret]:
        name = f"{document['kind']} {document['metadata']['name']}"
        try:
            custom = CUSTOM.get((document["apiVersion"], document["kind"]))
            if custom:
                jsonschema.validate(document, json.loads(custom.read_text()))
            else:
                for version in VERSIONS:
                    kubernetes_validate.validate(document, version, strict=True)
        except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
            raise Failed(f"{name}: {error}") from error
    see_that_they_fit(together)
    print(f"ok: {len(together)} manifests are what Kubernetes {' and '.join(VERSIONS)} and KEDA take, and fit together")


def see_that_they_fit(documents):
    """What no schema sees: names that have to be the same at both ends."""
    deployments = [document for document in documents if document["kind"] == "Deployment"]
    labels = [deployment["spec"]["template"]["metadata"]["labels"].items() for deployment in deployments]
    for document in documents:
        spec = document.get("spec", {})
        selector = spec.get("podSelector", spec.get("selector")) if document["kind"] != "ScaledObject" else None
        wanted = (selector or {}).get("matchLabels", selector)
        if wanted and not any(wanted.items() <= of_pods for of_pods in labels):
            raise Failed(f"{document['kind']} {document['metadata']['name']} selects no pod: {wanted}")
    names = {deployment["metadata"]["name"] for deployment in deployments}
    for document in documents:
        if document["kind"] == "ScaledObject" and document["spec"]["scaleTargetRef"]["name"] not in names:
            raise Failed("the ScaledObject scales nothing that is there")
    for deployment in deployments:
        pod = deployment["spec"]["template"]["spec"]
        for container in pod["containers"]:
            see_that_it_is_locked_up(deployment["metadata"]["name"], pod, container)


def see_that_it_is_locked_up(name, pod, container):
    security, limits = container["securityContext"], container["resources"]
    locked = {
        "runAsNonRoot": pod["securityContext"]["runAsNonRoot"],
        "seccomp": pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault",
        "read-only": security["readOnlyRootFilesystem"],
        "no escalation": security["allowPrivilegeEscalation"] is False,
        "no capabilities": security["capabilities"]["drop"] == ["ALL"],
        "a memory limit": "memory" in limits["limits"],
        "probes": "livenessProbe" in container and "startupProbe" in container,
    }
    if missing := [what for what, holds in locked.items() if not holds]:
        raise Failed(f"{name} lacks {', '.join(missing)}")
    ports = {port["name"] for port in container["ports"]}
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
        if probe in container and container[probe]["httpGet"]["port"] not in ports:
            raise Failed(f"the {probe} of {name} asks at a port that is not there")
