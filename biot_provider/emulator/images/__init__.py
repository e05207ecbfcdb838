"""Image definitions and the container registry behind them."""
