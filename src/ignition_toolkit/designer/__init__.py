"""The Ignition Designer on a desktop: its windows, its keys and its processes."""
