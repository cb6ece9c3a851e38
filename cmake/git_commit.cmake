# cmake -D ROOT=<source dir> -D OUT=<header> -P git_commit.cmake
# Writes the commit into a header, touching it only when it changes.
execute_process(COMMAND git -C ${ROOT} describe --always --abbrev=12 --dirty=+ --match=NONE
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define ISOFLOP_GIT_COMMIT \"${commit}\"\n")
