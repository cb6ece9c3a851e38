# A tree with one hidden function, and the same tree without it: check_hidden tells them apart.
file(REMOVE_RECURSE ${OUT})
file(MAKE_DIRECTORY ${OUT}/apps)
file(WRITE ${OUT}/lib/plan/figures.h "namespace isoflop {\n[[nodiscard]] std::string flops_text(double flops);\n}\n")
file(WRITE ${OUT}/lib/plan/user.cc "#include \"plan/figures.h\"\n")

function(expect what name status)
  file(WRITE ${OUT}/lib/plan/other.cc
       "namespace isoflop {\nnamespace {\n\nstd::string ${name}(std::int64_t flops) {\n  return \"\";\n}\n\n}  // namespace\n}  // namespace isoflop\n")
  execute_process(COMMAND ${CHECK} ${OUT} RESULT_VARIABLE result OUTPUT_VARIABLE said)
  if(NOT result EQUAL status)
    message(FATAL_ERROR "${what}: ended with ${result}, said ${said}")
  endif()
endfunction()

expect("a function that hides another file's" flops_text 1)
expect("a function of its own name" flops_of_other 0)
file(WRITE ${OUT}/lib/plan/user.cc "")
expect("a function whose namesake nobody includes" flops_text 0)
file(REMOVE_RECURSE ${OUT})
