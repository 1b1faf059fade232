"""Step kinds that drive an Ignition gateway over HTTP, thin over `ignition_toolkit.gateway`."""

from ignition_toolkit.steps.gateway.backups import Backup, Restore
from ignition_toolkit.steps.gateway.installing import InstallModule
from ignition_toolkit.steps.gateway.login import Login, Logout
from ignition_toolkit.steps.gateway.logs import GetLogs
from ignition_toolkit.steps.gateway.modules import (
    ListModules,
    UploadModule,
    WaitForModuleInstallation,
)
from ignition_toolkit.steps.gateway.people import WaitForNoDesigners
from ignition_toolkit.steps.gateway.projects import (
    ExportProject,
    GetProject,
    ImportProject,
    ListProjects,
    ScanProjects,
)
from ignition_toolkit.steps.gateway.restarting import Restart, WaitForReady
from ignition_toolkit.steps.gateway.state import GetHealth, GetInfo, Ping
from ignition_toolkit.steps.gateway.trial import ResetTrial
from ignition_toolkit.steps.gateway.verifying import VerifyHealth

__all__ = [
    "Backup",
    "ExportProject",
    "GetHealth",
    "GetInfo",
    "GetLogs",
    "GetProject",
    "ImportProject",
    "InstallModule",
    "ListModules",
    "ListProjects",
    "Login",
    "Logout",
    "Ping",
    "ResetTrial",
    "Restart",
    "Restore",
    "ScanProjects",
    "UploadModule",
    "VerifyHealth",
    "WaitForModuleInstallation",
    "WaitForNoDesigners",
    "WaitForReady",
]
