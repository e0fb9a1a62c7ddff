"""What MLflow keeps of a request: traces and rows."""
