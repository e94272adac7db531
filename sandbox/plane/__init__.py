"""One cluster: genuine control plane, KWOK's nodes and pods, EKS's add-ons."""
