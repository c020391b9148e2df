/* A prompt on a terminal with history and completion (libedit), that stays whole while other text
 * comes in. */
#ifndef CLI_LINE_EDITOR_H
#define CLI_LINE_EDITOR_H

#include <signal.h>
#include <stdbool.h>
#include "cli/complete.h"

struct line_editor;

struct line_editor_hooks {
    void *opaque;
    /* The watched descriptor is readable. False ends the reading of the line. */
    bool (*readable)(void *opaque);
    void (*complete)(void *opaque, const char *line, struct completion *out);
};

/* Catches SIGINT, SIGTSTP, SIGWINCH, SIGTERM and SIGHUP while it lives, and blocks them but where
 * it waits. `history_file` may be NULL: history is kept in memory only then. The hooks are
 * borrowed. */
struct line_editor *line_editor_new(const struct line_editor_hooks *hooks,
                                    const char *history_file);
void line_editor_free(struct line_editor *e);

/* The mask to wait for a reply with, so that the signals that end such a wait do interrupt it. */
const sigset_t *line_editor_call_mask(const struct line_editor *e);

enum line_status {
    LINE_READ,
    LINE_INTERRUPTED, /* Ctrl-C: the line is thrown away */
    LINE_EOF,         /* Ctrl-D on an empty line, SIGTERM, or the terminal is gone */
    LINE_STOPPED,     /* the hook said so */
};

/* `watch_fd` is polled beside the terminal. *line (without its line feed) is borrowed until the
 * next call. */
enum line_status line_editor_read(struct line_editor *e, const char *prompt, int watch_fd,
                                  const char **line);

/* Keeps the line for the arrow keys and for next time. */
void line_editor_remember(struct line_editor *e, const char *line);

/* Whole lines, above the prompt if there is one. */
void line_editor_print(struct line_editor *e, const char *text, size_t len);

#endif
