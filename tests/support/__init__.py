"""What tests share: the program, made-up papers, servers."""
