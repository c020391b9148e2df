/* Prints the table of options for the manual (scdoc), or as a list for scripts. Runs at build time
 * only. */
#include "config.h"
#include "conf/option_table.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *separator(size_t i)
{
    return i ? "|" : "";
}

/* scdoc: `*bold*` and `_underlined_`; what could be taken for either is escaped. */
static void print_escaped(const char *s)
{
    for (; *s; s++) {
        if (strchr("*_\\[]<>#", *s))
            putchar('\\');
        putchar(*s);
    }
}

static void print_value(const struct conf_option *o)
{
    if (o->value_doc) {
        print_escaped(o->value_doc);
        return;
    }
    if (o->type == CONF_TYPE_BOOL)
        fputs("true|false", stdout);
    else if (o->type == CONF_TYPE_NUMBER || o->type == CONF_TYPE_SIZE)
        fputs("NUMBER", stdout);
    for (size_t i = 0; i < CONF_CHOICES_MAX && o->choices[i].word; i++)
        printf("%s\"%s\"", separator(i), o->choices[i].word);
}

static void print_facts(const struct conf_option *o)
{
    if (o->unit)
        printf(" In %s.", o->unit);
    if (o->type == CONF_TYPE_NUMBER || o->type == CONF_TYPE_SIZE)
        printf(" From %llu to %llu.", (unsigned long long)o->min, (unsigned long long)o->max);
    if (o->required)
        fputs(" Must be given.", stdout);
    if (o->default_text) {
        fputs(" Default: ", stdout);
        print_escaped(o->default_text);
        putchar('.');
    } else if (o->default_doc) {
        printf(" Default: %s.", o->default_doc);
    }
    if (!o->reload)
        fputs(" A change needs a restart.", stdout);
}

static void print_option(const struct conf_option *o)
{
    printf("*%s* = ", o->name);
    print_value(o);
    printf("\n\t%s", o->doc);
    print_facts(o);
    fputs("\n\n", stdout);
}

static void print_section(enum conf_section_id id)
{
    const struct conf_section *s = &conf_sections[id];
    if (id != CONF_TOP) {
        printf("## ");
        for (const char *p = s->name; *p; p++) {
            if (*p == '_')
                putchar('\\');
            putchar(toupper((unsigned char)*p));
        }
        printf("\n\n*%s*%s%s%s {...}\n\n%s\n\n", s->name, s->title ? " \"" : "",
               s->title ? s->title : "", s->title ? "\"" : "", s->doc);
    }
    for (size_t i = 0; i < conf_n_options; i++) {
        if (conf_options[i].section == id)
            print_option(&conf_options[i]);
    }
}

static void print_names(void)
{
    for (size_t i = 0; i < conf_n_options; i++) {
        const char *section = conf_sections[conf_options[i].section].name;
        printf("%s %s\n", *section ? section : "-", conf_options[i].name);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--names") == 0) {
        print_names();
        return EXIT_SUCCESS;
    }
    if (argc > 1) {
        fputs("usage: print_options [--names]\n", stderr);
        return 2;
    }
    for (enum conf_section_id id = CONF_TOP; id < CONF_SECTIONS; id++)
        print_section(id);
    return EXIT_SUCCESS;
}
