# Reports of ptxas with one thing wrong at a time, each of which check_ptxas_report.cmake must refuse.
file(REMOVE_RECURSE ${OUT})

set(head "ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z4fineIfEvPT_' for 'ARCHITECTURE'
ptxas info    : Function properties for _Z4fineIfEvPT_
    STACK bytes stack frame, STORES bytes spill stores, LOADS bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers, 128 bytes smem, 424 bytes cmem[0]
ptxas info    : Compile time = 9.1 ms
")

# Arguments: stack, stores, loads of the second kernel, and the architectures of both.
function(check stack stores loads first second)
  string(REPLACE "ARCHITECTURE" "${first}" one "${head}")
  string(REPLACE "STACK" 0 one "${one}")
  string(REPLACE "STORES" 0 one "${one}")
  string(REPLACE "LOADS" 0 one "${one}")
  string(REPLACE "ARCHITECTURE" "${second}" two "${head}")
  string(REPLACE "STACK" "${stack}" two "${two}")
  string(REPLACE "STORES" "${stores}" two "${two}")
  string(REPLACE "LOADS" "${loads}" two "${two}")
  file(WRITE ${OUT}/planted.cu.o.ptxas "${one}${two}")
  run_check(${OUT}/planted.cu.o.ptxas)
endfunction()

macro(run_check report)
  execute_process(COMMAND ${CMAKE_COMMAND} -D REPORTS=${report} -D ARCHITECTURES=sm_80,sm_90
                  -D OUT=${OUT}/table.txt -P ${CMAKE_CURRENT_LIST_DIR}/check_ptxas_report.cmake
                  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  set(result ${result} PARENT_SCOPE)
  set(output "${output}" PARENT_SCOPE)
endmacro()

function(expect_refusal text)
  if(result EQUAL 0 OR NOT output MATCHES "${text}")
    message(FATAL_ERROR "expected a refusal with \"${text}\", got ${result}: ${output}")
  endif()
endfunction()

check(0 0 0 sm_80 sm_90)
if(NOT result EQUAL 0 OR NOT output MATCHES "2 kernels without" OR
   NOT output MATCHES "sm_90 [|] 40 [|] 128 0 0 [|] planted [|] fine<float>")
  message(FATAL_ERROR "refused what is sound: ${output}")
endif()
check(0 8 0 sm_80 sm_90)
expect_refusal("planted.cu, sm_90: 0 bytes of stack, 8 of spills")
check(0 0 16 sm_80 sm_90)
expect_refusal("16 of spills")
check(48 0 0 sm_80 sm_90)
expect_refusal("48 bytes of stack")
check(0 0 0 sm_80 sm_80)
expect_refusal("no kernel for sm_90")
function(missing)
  run_check(${OUT}/nothing.cu.o.ptxas)
endfunction()
missing()
expect_refusal("missing, build isoflop_cuda")
file(REMOVE_RECURSE ${OUT})
