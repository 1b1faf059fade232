"""The process that ends and sweeps process trees and keeps the cancel ladder's clock.

Standard library only; imports nothing else of the toolkit, and keeps its imports lean (no
dataclasses, no argparse, no logging), because every worker waits for it at its start.
"""
