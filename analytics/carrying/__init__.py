"""Events to where a project wants them: read in their order, transformed, put, and only then checkpointed (docs/adr/0024-stream-out.md)."""
