namespace Attune.Cli.Tests.Launcher;

public sealed class LauncherTests
{
    [Fact]
    public void The_first_start_compiles_and_builds_and_later_starts_do_neither()
    {
        using var sandbox = new Sandbox();

        var first = sandbox.Run(["doctor"]);
        Assert.Equal(0, first.ExitCode);
        Assert.Equal(1, sandbox.CallsOf("c++ "));
        Assert.Equal(1, sandbox.CallsOf("dotnet build"));
        Assert.Contains("attune: compiling the bridge to libtorch 2.9.0", first.Errors);

        sandbox.ForgetCalls();
        var second = sandbox.Run(["doctor"]);
        Assert.Equal(first.Output, second.Output);
        Assert.Equal("", second.Errors);
        Assert.Single(sandbox.Calls); // the program itself
    }

    [Fact]
    public void Arguments_arrive_as_they_were_given()
    {
        using var sandbox = new Sandbox();

        var outcome = sandbox.Run(["sample", "two words", "", "*", "--text", "it's \"quoted\""]);

        var received = outcome.Output.Split('\n').Where(line => line.StartsWith('[')).Skip(1); // after the program's own path
        Assert.Equal(["[sample]", "[two words]", "[]", "[*]", "[--text]", "[it's \"quoted\"]"], received);
    }

    [Fact]
    public void The_program_gets_the_path_of_the_compiled_bridge()
    {
        using var sandbox = new Sandbox();

        var path = sandbox.Run(["bridge"]).Output.Trim();

        Assert.True(File.Exists(path));
        Assert.Contains("bridge=" + path, sandbox.Run(["doctor"]).Output);
    }

    [Fact]
    public void A_relative_path_to_libtorch_holds_from_every_folder()
    {
        using var sandbox = new Sandbox();

        sandbox.Run(["bridge"], from: sandbox.Folder, libtorch: "libtorch");

        Assert.Contains($"-Wl,-rpath,{sandbox.Libtorch}/lib ", Assert.Single(sandbox.Calls, call => call.StartsWith("c++ ", StringComparison.Ordinal)));
    }

    [Fact]
    public void Benchmarks_that_do_not_build_say_so()
    {
        using var sandbox = new Sandbox();
        sandbox.Tool("dotnet", "echo 'error CS1002: ; expected'; exit 1");

        var outcome = sandbox.Run(["bench"]);

        Assert.Equal((2, ""), (outcome.ExitCode, outcome.Output));
        Assert.EndsWith("error CS1002: ; expected\nThe benchmark has 1 problem\n  bench  does not build, expected no error and no warning; the lines above name file and line\n", outcome.Errors);
        Assert.False(Path.Exists(Path.Combine(sandbox.Root, ".build/build.lock")));
    }

    [Fact]
    public void It_works_from_another_folder_and_through_links()
    {
        using var sandbox = new Sandbox();
        var elsewhere = Directory.CreateDirectory(Path.Combine(sandbox.Folder, "elsewhere")).FullName;
        File.CreateSymbolicLink(Path.Combine(elsewhere, "absolute"), Path.Combine(sandbox.Root, "attune"));
        File.CreateSymbolicLink(Path.Combine(elsewhere, "relative"), "../checkout/attune");
        File.CreateSymbolicLink(Path.Combine(elsewhere, "link to a link"), "relative");

        foreach (var launcher in new[] { "../checkout/attune", "absolute", "relative", "link to a link" })
            Assert.Equal(0, sandbox.Run(["doctor"], launcher, from: elsewhere).ExitCode);

        Assert.Equal(1, sandbox.CallsOf("dotnet build")); // all of them found the same build
        Assert.Equal(["absolute", "link to a link", "relative"], Directory.GetFileSystemEntries(elsewhere).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_changed_a_new_and_a_deleted_source_each_cause_one_build()
    {
        using var sandbox = new Sandbox();
        sandbox.Run(["doctor"]);

        AssertBuildsOnceAfter(() => sandbox.Write("checkout/src/Attune.Cli/Program.cs", "return 1;"));
        AssertBuildsOnceAfter(() => sandbox.Write("checkout/src/Attune/Text/New.cs", ""));
        AssertBuildsOnceAfter(() => File.Delete(Path.Combine(sandbox.Root, "src/Attune/Text/New.cs")));
        AssertBuildsOnceAfter(() => sandbox.Write("checkout/Directory.Packages.props", "<Project />"));

        void AssertBuildsOnceAfter(Action change)
        {
            sandbox.ForgetCalls();
            change();
            sandbox.Run(["doctor"]);
            sandbox.Run(["doctor"]);
            Assert.Equal(1, sandbox.CallsOf("dotnet build"));
        }
    }

    [Fact]
    public void A_source_that_changes_during_the_build_is_told_of_and_built_by_the_next_start()
    {
        using var sandbox = new Sandbox();
        var source = Path.Combine(sandbox.Root, "src/Attune.Cli/Program.cs");
        var environment = new Dictionary<string, string?> { ["TOUCHED_BY_BUILD"] = source };

        var outcome = sandbox.Run(["doctor"], environment: environment);

        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("[doctor]", outcome.Output);
        Assert.Contains("attune: sources are newer than this build: they changed while it ran, ", outcome.Errors);
        Assert.Equal("attune: building the program\n", sandbox.Run(["doctor"]).Errors);
        Assert.Equal("", sandbox.Run(["doctor"]).Errors);
    }

    [Fact]
    public void A_source_from_the_future_is_told_of_at_each_start_and_keeps_none_from_running()
    {
        using var sandbox = new Sandbox();
        File.SetLastWriteTimeUtc(Path.Combine(sandbox.Root, "src/Attune.Cli/Program.cs"), new DateTime(2100, 1, 1, 0, 0, 0, DateTimeKind.Utc));

        foreach (var outcome in new[] { sandbox.Run(["doctor"]), sandbox.Run(["doctor"]) })
        {
            Assert.Equal(0, outcome.ExitCode);
            Assert.Contains("[doctor]", outcome.Output);
            Assert.Contains("their times are ahead of the clock; going on with what was built", outcome.Errors);
        }
    }

    [Fact]
    public void A_changed_bridge_is_compiled_again()
    {
        using var sandbox = new Sandbox();
        var before = sandbox.Run(["bridge"]).Output;

        sandbox.Write("checkout/native/torch_bridge.cpp", "// changed");

        Assert.NotEqual(before, sandbox.Run(["bridge"]).Output);
        Assert.Equal(2, sandbox.CallsOf("c++ "));
    }

    [Fact]
    public void Of_four_started_at_once_one_builds_and_all_run()
    {
        using var sandbox = new Sandbox();
        var environment = new Dictionary<string, string?> { ["BUILD_SECONDS"] = "1" };

        var processes = Enumerable.Range(0, 4).Select(_ => sandbox.Start(["doctor"], environment: environment)).ToList();
        var outcomes = processes.Select(Sandbox.Finish).ToList();
        processes.ForEach(process => process.Dispose());

        Assert.All(outcomes, outcome => Assert.Equal(0, outcome.ExitCode));
        Assert.All(outcomes, outcome => Assert.Contains("[doctor]", outcome.Output));
        Assert.Equal(1, sandbox.CallsOf("dotnet build"));
        Assert.Equal(1, sandbox.CallsOf("c++ "));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(sandbox.Root, ".build"), "*.lock*"));
    }

    [Fact]
    public void A_lock_whose_owner_is_dead_is_taken_over()
    {
        using var sandbox = new Sandbox();
        var state = Directory.CreateDirectory(Path.Combine(sandbox.Root, ".build")).FullName;
        File.CreateSymbolicLink(Path.Combine(state, "build.lock"), "pid-999999999");

        Assert.Equal(0, sandbox.Run(["doctor"]).ExitCode);
    }

    [Fact]
    public void A_failed_build_ends_with_2_and_leaves_the_next_start_to_build_again()
    {
        using var sandbox = new Sandbox();
        sandbox.Tool("dotnet", """
            echo "dotnet $1" >> "$CALLS"
            echo "Program.cs(1,1): error CS1002: ; expected"
            exit 1
            """);

        var outcome = sandbox.Run(["doctor"]);
        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("error CS1002", outcome.Errors);
        Assert.Contains("The program has 1 problem\n  src  does not build, expected no error", outcome.Errors);

        sandbox.Run(["doctor"]);
        Assert.Equal(2, sandbox.CallsOf("dotnet build"));
    }

    [Fact]
    public void The_exit_code_of_the_program_is_that_of_the_launcher()
    {
        using var sandbox = new Sandbox();
        sandbox.Run(["doctor"]);
        sandbox.Tool("dotnet", "exit 130");

        Assert.Equal(130, sandbox.Run(["ppo"]).ExitCode);
    }
}
