namespace Attune.Cli.Tests.Launcher;

/// <summary>Every way in which <c>./attune test</c> has to fail, and that its last line says so.</summary>
public sealed class TestVerbTests
{
    [Fact]
    public void The_last_line_sums_over_the_projects()
    {
        using var sandbox = Prepare(Results(passed: 2), Results(passed: 3));

        var outcome = sandbox.Run(["test"]);

        Assert.Equal("5 passed, 0 failed, 0 skipped", LastLine(outcome));
        Assert.Equal(0, outcome.ExitCode);
    }

    [Fact]
    public void A_failed_test_fails_the_check()
    {
        using var sandbox = Prepare(Results(passed: 2, failed: 1), Results(passed: 3));

        AssertFails(sandbox.Run(["test"]), "5 passed, 1 failed, 0 skipped");
    }

    [Fact]
    public void A_test_host_that_dies_fails_the_check()
    {
        using var sandbox = Prepare(Results(passed: 2), "");

        AssertFails(sandbox.Run(["test"]), "2 passed, 1 failed, 0 skipped", "B.Tests ran no test");
    }

    [Fact]
    public void A_project_without_tests_fails_the_check_unless_a_filter_left_it_none()
    {
        using var sandbox = Prepare(Results(passed: 2), Results(passed: 0));

        AssertFails(sandbox.Run(["test"]), "2 passed, 1 failed, 0 skipped", "B.Tests ran no test");
        Assert.Equal("2 passed, 0 failed, 0 skipped", LastLine(sandbox.Run(["test", "--filter", "Some"])));
    }

    [Fact]
    public void A_filter_that_leaves_no_test_at_all_fails_the_check()
    {
        using var sandbox = Prepare(Results(passed: 0), Results(passed: 0));

        AssertFails(sandbox.Run(["test", "--filter", "None"]), "0 passed, 1 failed, 0 skipped", "no test ran");
    }

    [Fact]
    public void A_missing_test_project_fails_the_check()
    {
        using var sandbox = Prepare(Results(passed: 2), Results(passed: 3));
        sandbox.Write("checkout/src/C/C.csproj", "");

        AssertFails(sandbox.Run(["test"]), "5 passed, 1 failed, 0 skipped", "tests/C.Tests is missing", "C.csproj is not in Attune.slnx");
    }

    [Theory]
    [InlineData("restore")]
    [InlineData("format")]
    [InlineData("build")]
    public void A_failed_stage_fails_the_check(string stage)
    {
        using var sandbox = Prepare(Results(passed: 2), Results(passed: 3));

        var outcome = sandbox.Run(["test"], environment: new() { ["FAILING_STAGE"] = stage });

        AssertFails(outcome, stage == "format" ? "5 passed, 1 failed, 0 skipped" : "0 passed, 1 failed, 0 skipped", "words of the failing stage");
    }

    [Fact]
    public void Only_a_listed_skip_is_permitted()
    {
        using var sandbox = Prepare(Results(passed: 2, skipped: "A.Tests.Maths.Divides(by: \"0\")"), Results(passed: 3));
        AssertFails(sandbox.Run(["test"]), "5 passed, 1 failed, 1 skipped", "A.Tests.Maths.Divides(by: \"0\") is skipped");

        sandbox.Write("checkout/tests/expected-skips.txt", "# comment\nA.Tests.Maths.Adds — another\n");
        AssertFails(sandbox.Run(["test"]), "5 passed, 1 failed, 1 skipped");

        sandbox.Write("checkout/tests/expected-skips.txt", "A.Tests.Maths.* — needs a divisor\n");
        Assert.Equal("5 passed, 0 failed, 1 skipped", LastLine(sandbox.Run(["test"])));

        sandbox.Write("checkout/tests/expected-skips.txt", "A.Tests.Maths.* — \n");
        AssertFails(sandbox.Run(["test"]), "5 passed, 1 failed, 1 skipped", "has no ' — reason'");
    }

    [Fact]
    public void A_skip_for_want_of_fixtures_is_permitted_only_where_there_are_none()
    {
        using var sandbox = Prepare(Results(passed: 2, skipped: "A.Tests.Golden.Agrees"), Results(passed: 3));
        sandbox.Write("checkout/tests/expected-skips.txt", "A.Tests.Golden.* — needs ATTUNE_FIXTURES (models)\n");

        Assert.Equal("5 passed, 0 failed, 1 skipped", LastLine(sandbox.Run(["test"])));
        var outcome = sandbox.Run(["test"], environment: new() { ["ATTUNE_FIXTURES"] = sandbox.Folder });
        AssertFails(outcome, "5 passed, 1 failed, 1 skipped", "A.Tests.Golden.Agrees is skipped");
    }

    private static void AssertFails(Outcome outcome, string lastLine, params string[] said)
    {
        Assert.Equal(lastLine, LastLine(outcome));
        Assert.Equal(1, outcome.ExitCode);
        Assert.All(said, words => Assert.Contains(words, outcome.Output));
    }

    private static string LastLine(Outcome outcome) => outcome.Output.TrimEnd('\n').Split('\n')[^1];

    /// <summary>A checkout with the projects A and B, whose test runs leave the given result files.</summary>
    private static Sandbox Prepare(string resultsOfA, string resultsOfB)
    {
        var sandbox = new Sandbox();
        sandbox.Copy("tests/run.sh");
        Directory.Delete(Path.Combine(sandbox.Root, "src"), recursive: true);
        foreach (var name in new[] { "A", "B" })
        {
            sandbox.Write($"checkout/src/{name}/{name}.csproj", "");
            sandbox.Write($"checkout/tests/{name}.Tests/{name}.Tests.csproj", "");
        }

        sandbox.Write("checkout/Attune.slnx", "\"src/A/A.csproj\" \"src/B/B.csproj\" \"tests/A.Tests/A.Tests.csproj\" \"tests/B.Tests/B.Tests.csproj\"");
        sandbox.Write("checkout/tests/expected-skips.txt", "");
        sandbox.Write("A.Tests.trx", resultsOfA);
        sandbox.Write("B.Tests.trx", resultsOfB);
        sandbox.Tool("dotnet", $$"""
            [ "$1" != "${FAILING_STAGE:-}" ] || { echo "words of the failing stage"; exit 1; }
            case $1 in
            build) [ -f "$2" ] || mkdir -p "$2/bin/Release/net10.0"; [ -f "$2" ] || echo program > "$2/bin/Release/net10.0/Attune.Cli.dll" ;;
            test)
                results=$(basename "$2" .csproj).trx
                while [ "$1" != --results-directory ]; do shift; done
                [ ! -s '{{sandbox.Folder}}'/$results ] || cp '{{sandbox.Folder}}'/$results "$2" ;;
            esac
            """);
        return sandbox;
    }

    /// <summary>What the test platform writes: it counts skipped tests by "total" less "executed".</summary>
    private static string Results(int passed, int failed = 0, string? skipped = null)
    {
        var total = passed + failed + (skipped is null ? 0 : 1);
        var skip = skipped is null ? "" : $"<UnitTestResult executionId=\"1\" testName=\"{skipped.Replace("\"", "&quot;")}\" outcome=\"NotExecuted\" testListId=\"2\" />";
        return $"<TestRun>\n  <Results>{skip}</Results>\n  <Counters total=\"{total}\" executed=\"{passed + failed}\" passed=\"{passed}\" failed=\"{failed}\" notExecuted=\"0\" />\n</TestRun>";
    }
}
