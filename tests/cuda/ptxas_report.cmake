# What ptxas said of the kernels when they were compiled (cmake/keep_ptxas_report): no spill, no stack.
set(reports "")
foreach(source IN LISTS ISOFLOP_CUDA_KERNELS)
  file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR}/cuda ${source})
  list(APPEND reports ${PROJECT_BINARY_DIR}/cuda/CMakeFiles/isoflop_cuda.dir/${name}.o.ptxas)
endforeach()
list(JOIN reports "," reports)
add_test(NAME "cuda: no kernel spills registers or has a stack"
         COMMAND ${CMAKE_COMMAND} -D REPORTS=${reports} -D ARCHITECTURES=sm_80,sm_90 -D OUT=${CMAKE_CURRENT_BINARY_DIR}/kernels.txt
         -P ${CMAKE_CURRENT_SOURCE_DIR}/check_ptxas_report.cmake)
add_test(NAME "cuda: the check of ptxas' report catches what is planted"
         COMMAND ${CMAKE_COMMAND} -D OUT=${CMAKE_CURRENT_BINARY_DIR}/planted
         -P ${CMAKE_CURRENT_SOURCE_DIR}/planted_spills.cmake)
