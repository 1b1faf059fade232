"""Executions: who runs them, who watches the runners, and what is written about them."""
