# Installs the build into an empty prefix, then configures, builds and runs a project that only knows
# find_package(isoflop).
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${OUT})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${OUT}/prefix)
run(${CMAKE_COMMAND} -S ${CONSUMER} -B ${OUT}/build -G Ninja -D CMAKE_BUILD_TYPE=Release
    -D CMAKE_CXX_COMPILER=${CXX} -D CMAKE_PREFIX_PATH=${OUT}/prefix)
run(${CMAKE_COMMAND} --build ${OUT}/build)
run(${OUT}/build/consumer ${OUT}/prefix/share/isoflop/fits)
if(NOT output MATCHES "peak_lr 0.00042")
  message(FATAL_ERROR "the consumer printed: ${output}")
endif()
run(${OUT}/prefix/bin/isoflop propose --compute 8.456e22 --law deepseek-llm-2024 --json)
file(REMOVE_RECURSE ${OUT})
