/* A verdict as gateway-explain answers it: {allowed, rule, reason, detail}. */
#ifndef CLI_VERDICT_H
#define CLI_VERDICT_H

#include "cli/cli.h"

/* Shows it; CLI_EXIT_OK if it is allowed and CLI_EXIT_DENIED if not. */
enum cli_exit verdict_tell(const struct cli *cli, struct json_object *verdict);

#endif
