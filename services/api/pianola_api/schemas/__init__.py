"""What the api takes and answers: one module a resource."""
