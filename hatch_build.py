"""A wheel has the built tracker and the built page in it: what is missing is built here."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class NodeHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs node_build.py."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build them. Where that fails the wheel goes without, and a server says so where they would be."""
        script = Path(self.root) / "node_build.py"
        if version == "editable" or not script.exists():
            return
        spec = importlib.util.spec_from_file_location("millrace_node_build", script)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        for bundle in module.BUNDLES.values():
            if (bundle.served / bundle.marker).exists() or not bundle.source.exists():
                continue
            try:
                module.build(bundle)
            except module.NotBuilt as reason:
                self.app.display_warning(f"The wheel goes without the {bundle.name}: {reason}")
