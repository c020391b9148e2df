"""What is known of a QEMU release's commands, events and types, and how it is come by."""
