#include "config.h"
#include "cli/line_editor.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>
#include "base/mem.h"

#define HISTORY_LINES 1000
#define COLUMNS_UNSET 80
#define LISTED_MAX    200u /* candidates shown; more would scroll away */
#define CLEAR_TO_END  "\r\033[J"

/* Signals say only that they came; what follows from them is done where they interrupt a wait. */
static const int caught[] = { SIGINT, SIGWINCH, SIGTSTP, SIGTERM, SIGHUP };
static volatile sig_atomic_t came[ARRAY_SIZE(caught)];

struct line_editor {
    const struct line_editor_hooks *hooks; /* borrowed */
    EditLine *el;
    History *history;
    char *history_file; /* owned; may be NULL */
    const char *prompt; /* borrowed while a line is read; NULL: no prompt is shown */
    int watch_fd;
    int input_fd; /* owned: the terminal of standard input, opened once more */
    char *line;   /* owned: the latest */
    mbstate_t input_state;
    enum line_status why_ended; /* how reading ended, if not with a line */
    sigset_t saved_mask;
    sigset_t wait_mask; /* at the prompt */
    sigset_t
        call_mask; /* while a reply is waited for: what can wait until the prompt stays blocked */
    struct sigaction saved_actions[ARRAY_SIZE(caught)];
};

static void on_signal(int number)
{
    for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
        if (caught[i] == number)
            came[i] = 1;
}

/* True once after each time it came. */
static bool take_signal(int number)
{
    for (size_t i = 0; i < ARRAY_SIZE(caught); i++) {
        if (caught[i] == number && came[i]) {
            came[i] = 0;
            return true;
        }
    }
    return false;
}

static void catch_signals(struct line_editor *e)
{
    struct sigaction action = { .sa_handler = on_signal };
    sigset_t block;
    sigemptyset(&action.sa_mask);
    sigemptyset(&block);
    for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
        sigaddset(&block, caught[i]);
    sigprocmask(SIG_BLOCK, &block, &e->saved_mask);
    e->wait_mask = e->saved_mask;
    for (size_t i = 0; i < ARRAY_SIZE(caught); i++) {
        sigaction(caught[i], &action, &e->saved_actions[i]);
        sigdelset(&e->wait_mask, caught[i]);
    }
    e->call_mask = e->wait_mask;
    sigaddset(&e->call_mask, SIGTSTP);
    sigaddset(&e->call_mask, SIGWINCH);
}

static void release_signals(struct line_editor *e)
{
    for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
        sigaction(caught[i], &e->saved_actions[i], NULL);
    sigprocmask(SIG_SETMASK, &e->saved_mask, NULL);
}

const sigset_t *line_editor_call_mask(const struct line_editor *e)
{
    return &e->call_mask;
}

/* --- the terminal ----------------------------------------------------------------------------- */

static struct line_editor *editor_of(EditLine *el)
{
    struct line_editor *e = NULL;
    el_get(el, EL_CLIENTDATA, &e);
    return e;
}

static char *show_prompt(EditLine *el)
{
    /* libedit wants it writable, and does not write */
    return (char *)(uintptr_t)editor_of(el)->prompt;
}

static size_t terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return COLUMNS_UNSET;
}

static size_t count_characters(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

/* Takes prompt and line off the screen; the cursor is where the prompt began. */
static void clear_prompt(struct line_editor *e)
{
    const LineInfo *line = el_line(e->el);
    size_t width = count_characters(e->prompt, strlen(e->prompt)) +
                   count_characters(line->buffer, (size_t)(line->cursor - line->buffer));
    for (size_t rows = width / terminal_columns(); rows > 0; rows--)
        fputs("\033[A", stdout);
    fputs(CLEAR_TO_END, stdout);
}

void line_editor_print(struct line_editor *e, const char *text, size_t len)
{
    if (len == 0)
        return;
    if (e->prompt)
        clear_prompt(e);
    fwrite(text, 1, len, stdout);
    fflush(stdout);
    if (e->prompt)
        el_set(e->el, EL_REFRESH);
}

/* --- input ------------------------------------------------------------------------------------ */

/* Ctrl-Z: the terminal is given back as it was, and taken again when we go on. */
static void suspend(struct line_editor *e)
{
    el_set(e->el, EL_PREP_TERM, 0);
    kill(0, SIGSTOP);
    el_set(e->el, EL_PREP_TERM, 1);
    el_set(e->el, EL_REFRESH);
}

/* What came since the last look; false: the line ends. */
static bool handle_signals(struct line_editor *e)
{
    if (take_signal(SIGTSTP))
        suspend(e);
    if (take_signal(SIGWINCH))
        el_resize(e->el);
    if (take_signal(SIGTERM) || take_signal(SIGHUP))
        return false;
    if (take_signal(SIGINT)) {
        e->why_ended = LINE_INTERRUPTED;
        return false;
    }
    return true;
}

/* A byte of the terminal: 1, 0 at its end, -1 to stop. Meanwhile the connection is served. */
static int read_byte(struct line_editor *e, char *byte)
{
    struct pollfd p[] = {
        { .fd = e->input_fd, .events = POLLIN },
        { .fd = e->watch_fd, .events = POLLIN },
    };
    while (handle_signals(e)) {
        if (ppoll(p, ARRAY_SIZE(p), NULL, &e->wait_mask) < 0) {
            if (errno != EINTR)
                return -1;
            continue;
        }
        if (p[1].revents && !e->hooks->readable(e->hooks->opaque)) {
            e->why_ended = LINE_STOPPED;
            return -1;
        }
        if (!p[0].revents)
            continue;
        ssize_t n = read(e->input_fd, byte, 1);
        if (n >= 0 || errno != EAGAIN)
            return n == 1 ? 1 : 0;
    }
    return -1;
}

/* libedit's source of characters. */
static int read_character(EditLine *el, wchar_t *out)
{
    struct line_editor *e = editor_of(el);
    for (;;) {
        char byte;
        int rc = read_byte(e, &byte);
        if (rc != 1)
            return rc;
        size_t n = mbrtowc(out, &byte, 1, &e->input_state);
        if (n == (size_t)-1) { /* a stray byte: forget it */
            memset(&e->input_state, 0, sizeof(e->input_state));
            continue;
        }
        if (n != (size_t)-2)
            return 1;
    }
}

/* --- completion ------------------------------------------------------------------------------- */

static void list_candidates(struct line_editor *e, const struct completion *c)
{
    CLEANUP_BUF struct buf text = { 0 };
    const LineInfo *line = el_line(e->el);
    size_t widest = 0, column = 0, columns = terminal_columns();
    for (size_t i = 0; i < c->n; i++)
        if (strlen(c->candidates[i]) > widest)
            widest = strlen(c->candidates[i]);
    /* the line as it is now stays above the list */
    buf_add_str(&text, e->prompt);
    buf_add(&text, line->buffer, (size_t)(line->lastchar - line->buffer));
    buf_add_char(&text, '\n');
    for (size_t i = 0; i < c->n && i < LISTED_MAX; i++) {
        if (column > 0 && column + widest + 1 > columns) {
            buf_add_char(&text, '\n');
            column = 0;
        }
        buf_printf(&text, "%-*s ", (int)widest, c->candidates[i]);
        column += widest + 1;
    }
    buf_add_char(&text, '\n');
    if (c->n > LISTED_MAX)
        buf_printf(&text, "(and %zu more)\n", c->n - LISTED_MAX);
    line_editor_print(e, buf_data(&text), buf_len(&text));
}

static unsigned char complete(EditLine *el, int key)
{
    struct line_editor *e = editor_of(el);
    CLEANUP_COMPLETION struct completion c = { 0 };
    const LineInfo *line = el_line(el);
    CLEANUP_FREE char *before = mem_strndup(line->buffer, (size_t)(line->cursor - line->buffer));
    e->hooks->complete(e->hooks->opaque, before, &c);
    if (c.n == 0)
        return CC_ERROR; /* a beep */
    if (c.common_len > c.partial_len) {
        CLEANUP_FREE char *more =
            mem_strndup(c.candidates[0] + c.partial_len, c.common_len - c.partial_len);
        return el_insertstr(el, more) < 0 ? CC_ERROR : CC_REFRESH;
    }
    list_candidates(e, &c);
    return CC_NORM;
}

/* --- life ------------------------------------------------------------------------------------- */

/* Ctrl-C throws away what was typed, also between poll and read: a read that blocks would then wait
 * with the signal blocked. O_NONBLOCK on standard input itself would hit all who share it, so it is
 * opened anew. */
static int open_input(void)
{
    int fd = open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    return fd >= 0 ? fd : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
}

struct line_editor *line_editor_new(const struct line_editor_hooks *hooks, const char *history_file)
{
    struct line_editor *e = MEM_NEW(struct line_editor);
    HistEvent event;
    e->hooks = hooks;
    e->history_file = mem_strdup(history_file);
    e->input_fd = open_input();
    catch_signals(e);
    e->history = history_init();
    history(e->history, &event, H_SETSIZE, HISTORY_LINES);
    history(e->history, &event, H_SETUNIQUE, 1);
    if (history_file)
        history(e->history, &event, H_LOAD, history_file);
    e->el = el_init("qmpgate", stdin, stdout, stderr);
    el_set(e->el, EL_CLIENTDATA, e);
    el_set(e->el, EL_PROMPT, show_prompt);
    el_set(e->el, EL_EDITOR, "emacs");
    el_set(e->el, EL_HIST, history, e->history);
    el_set(e->el, EL_GETCFN, read_character);
    /* the wide form keeps these very strings; the other one keeps copies, and never frees them */
    el_wset(e->el, EL_ADDFN, L"qmp-complete", L"Complete a command or an argument", complete);
    el_set(e->el, EL_BIND, "^I", "qmp-complete", NULL);
    el_set(e->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(e->el, NULL);
    return e;
}

void line_editor_free(struct line_editor *e)
{
    if (!e)
        return;
    HistEvent event;
    if (e->history_file)
        history(e->history, &event, H_SAVE, e->history_file);
    el_end(e->el);
    history_end(e->history);
    release_signals(e);
    close(e->input_fd);
    free(e->history_file);
    free(e->line);
    free(e);
}

void line_editor_remember(struct line_editor *e, const char *line)
{
    HistEvent event;
    history(e->history, &event, H_ENTER, line);
}

enum line_status line_editor_read(struct line_editor *e, const char *prompt, int watch_fd,
                                  const char **line)
{
    int count = 0;
    *line = NULL;
    take_signal(SIGINT); /* it was for what came before */
    e->watch_fd = watch_fd;
    e->prompt = prompt;
    e->why_ended = LINE_EOF;
    const char *text = el_gets(e->el, &count);
    e->prompt = NULL;
    if (!text || count <= 0) {
        el_reset(e->el);
        putchar('\n');
        fflush(stdout);
        return e->why_ended;
    }
    free(e->line);
    e->line = mem_strndup(text, strcspn(text, "\r\n"));
    *line = e->line;
    return LINE_READ;
}
