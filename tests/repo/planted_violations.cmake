# Copies the tree, plants one violation at a time, and requires check_layers.cmake to refuse it.
file(REMOVE_RECURSE ${OUT})

function(expect_refusal what file text)
  file(REMOVE_RECURSE ${OUT})
  file(COPY ${ROOT}/lib ${ROOT}/cmake DESTINATION ${OUT})
  file(APPEND ${OUT}/${file} "${text}\n")
  execute_process(COMMAND ${CMAKE_COMMAND} -D ROOT=${OUT} -P ${OUT}/cmake/check_layers.cmake
                  RESULT_VARIABLE result ERROR_VARIABLE message OUTPUT_QUIET)
  if(result EQUAL 0)
    message(FATAL_ERROR "not caught: ${what}")
  endif()
  if(NOT message MATCHES "1 violation")
    message(FATAL_ERROR "${what}: expected exactly one violation, got ${message}")
  endif()
endfunction()

expect_refusal("an internal header of an upper module" lib/base/text.cc "#include \"model/wide_integer.h\"")
expect_refusal("a public header of an upper module" lib/model/ladder.cc "#include \"isoflop/fit.h\"")
expect_refusal("a sideways include" lib/train/device.cc "#include \"isoflop/law.h\"")
expect_refusal("a public header that reaches up" lib/include/isoflop/law.h "#include \"isoflop/plan.h\"")
expect_refusal("a public header nobody owns" lib/include/isoflop/stray.h "#pragma once")
expect_refusal("a cycle in the diagram" lib/LAYERS "extra: ghost |")
file(REMOVE_RECURSE ${OUT})
