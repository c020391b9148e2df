/* What the shell's parts share. */
#ifndef CLI_SHELL_H
#define CLI_SHELL_H

#include "cli/catalogue.h"
#include "cli/cli.h"
#include "cli/line_editor.h"

struct shell {
    struct cli *cli;
    struct session *session;
    struct line_editor *editor; /* NULL: lines come from a file or a pipe */
    struct catalogue *catalogue;
    char *place;       /* what the prompt says; owned */
    struct error lost; /* how the connection ended while the prompt waited */
    bool show_events;
    bool quit_armed; /* the next quit is meant */
    bool leave;
};

/* Commands of the shell's own. */
struct shell_builtin {
    const char *name;
    const char *synopsis;
    const char *summary;
    enum cli_exit (*run)(struct shell *sh, int argc, char **argv);
};

const struct shell_builtin *shell_find_builtin(const char *name);
const char *const *shell_builtin_names(void); /* ends with NULL */

/* Asks the server again what it offers. */
void shell_learn_commands(struct shell *sh);

#endif
