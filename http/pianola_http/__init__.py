"""What Pianola's HTTP services share: `service.create_app` makes the application, `server.serve` the process."""
