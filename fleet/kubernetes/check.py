#!/usr/bin/env python3
"""Checks the manifests against Kubernetes' own schemas, which the package kubernetes-validate brings along: nothing is asked for.

    python fleet/kubernetes/check.py     (pip install kubernetes-validate==1.37.0)
"""
import glob
import os
import sys

import kubernetes_validate
import yaml

version = kubernetes_validate.latest_version()
for path in sorted(glob.glob(f"{os.path.dirname(os.path.abspath(__file__))}/*.yaml")):
    with open(path, encoding="utf-8") as file:
        for document in yaml.safe_load_all(file):
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                sys.exit(f"{path}: {error}")
            print(f"{os.path.basename(path)}: {document['kind']} fits Kubernetes {version}")
