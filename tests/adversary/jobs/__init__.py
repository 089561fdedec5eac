"""What happens to the files and the processes of provisioning jobs."""
