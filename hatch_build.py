"""A wheel has the built tracker in it: it is built here where it is missing."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TrackerHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs sdk-js/build.py."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the tracker. Where that fails the wheel goes without, and a server says so at /tracker.js."""
        script = Path(self.root) / "sdk-js/build.py"
        served = Path(self.root) / "services/ingestion/millrace_ingestion/static/tracker.js"
        if version == "editable" or served.exists() or not script.exists():
            return
        spec = importlib.util.spec_from_file_location("millrace_tracker_build", script)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        try:
            module.build()
        except module.NotBuilt as reason:
            self.app.display_warning(f"The wheel goes without the tracker: {reason}")
