"""POST /v1/responses, the second wording of the same job."""
