# Fills build_info.cc.in with version, compiler and the commit of SOURCE_DIR; without git's optional
# locks, so that a build never stands in the way of someone who commits.
find_program(git git)
set(COMMIT unknown)
if(git AND EXISTS ${SOURCE_DIR}/.git)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env GIT_OPTIONAL_LOCKS=0 ${git} -C ${SOURCE_DIR}
                          describe --always --abbrev=40 --exclude=* --dirty=+
                  OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
                  RESULT_VARIABLE failed)
  if(NOT failed AND found)
    set(COMMIT ${found})
  endif()
endif()
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
