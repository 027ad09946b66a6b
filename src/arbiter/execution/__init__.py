"""From approved plan to orders: leg state machines and the tasks that drive them."""
