"""The job: carries a plan out, so that it can be killed at any moment and started again."""
