"""The command line, `firstday COMMAND`: options, the functions of the stages that they call, and what is printed.

No work is done here: every command calls the same function as a DAG's task.
"""
