/* What the tools of the audit log share. They work on files and ask no gateway. */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include "cli/cli.h"

extern const struct verb audit_show;
extern const struct verb audit_verify_tool;

#endif
