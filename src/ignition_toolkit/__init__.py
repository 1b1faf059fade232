"""Run playbooks against an Ignition gateway, and cancel them for certain."""
