"""What must survive: a deployment is killed piece by piece under load, and then compared with what it promised."""
