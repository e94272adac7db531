"""One small controller, run per cluster, that stands in for what would need containers.

The sandbox runs a real Kubernetes control plane, but its pods are simulated by KWOK: no controller in a container does
anything. This package imitates, and only while the pods of the imitated controller are Ready:

- admission webhooks answer on the ClusterIP of their Service (`webhooks`), allowing everything;
- AWS Load Balancer Controller makes a load balancer per Service of type LoadBalancer (`load_balancers`);
- ExternalDNS writes Route 53 records for those Services (`dns_records`);
- the EBS CSI driver has a volume per PersistentVolume (`volumes`);
- Karpenter has an instance and a Node per NodeClaim (`node_claims`), and replaces those whose node has another version
  than the cluster within the budgets of their NodePool (`node_drift`);
- External Secrets copies values from Secrets Manager into Secrets (`external_secrets`).

The cloud side is the embedded AWS. `python -m sandbox.stand_in --help` says how it is started.
"""
