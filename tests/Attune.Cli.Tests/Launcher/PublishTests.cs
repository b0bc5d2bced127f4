using System.Formats.Tar;
using System.IO.Compression;

namespace Attune.Cli.Tests.Launcher;

public sealed class PublishTests
{
    [Fact]
    public void A_published_folder_holds_the_program_the_bridge_and_what_recipes_need()
    {
        using var sandbox = Prepare();
        sandbox.Write("checkout/recipes/base.yaml", "");
        sandbox.Write("checkout/data/prompts.jsonl", "");

        var outcome = sandbox.Run(["publish", "../two words"]);

        Assert.Equal(0, outcome.ExitCode);
        var files = Directory.GetFiles(Published(sandbox), "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Published(sandbox), file)).Order(StringComparer.Ordinal);
        Assert.Equal(["attune", "data/prompts.jsonl", "native/find-libtorch.sh", "native/memory.h", "native/packed.h", "native/products.h", "native/torch_bridge.cpp", "program/Attune.Cli", "recipes/base.yaml"], files);
    }

    [Fact]
    public void It_compiles_the_bridge_on_the_first_start_only_and_hands_arguments_on()
    {
        using var sandbox = Prepare();
        sandbox.Run(["publish", "../two words"]);

        var first = sandbox.Run(["sample", "a b"], Path.Combine(Published(sandbox), "attune"), from: "/");
        var second = sandbox.Run(["sample", "a b"], Path.Combine(Published(sandbox), "attune"), from: "/");

        Assert.Equal(1, sandbox.CallsOf("c++ "));
        Assert.StartsWith($"[sample]\n[a b]\nbridge={Published(sandbox)}/.build/native/", second.Output);
        Assert.Equal(first.Output, second.Output);
        Assert.Equal("", second.Errors);
    }

    [Fact]
    public void Where_its_folder_cannot_be_written_the_bridge_goes_to_the_users_cache()
    {
        using var sandbox = Prepare();
        sandbox.Run(["publish", "../two words"]);
        sandbox.Write("two words/.build", "a file in the way, as the administrator running this test could write to a protected folder");

        var outcome = sandbox.Run(["doctor"], Path.Combine(Published(sandbox), "attune"), environment: new() { ["XDG_CACHE_HOME"] = Path.Combine(sandbox.Folder, "cache") });

        Assert.Contains($"bridge={sandbox.Folder}/cache/attune/native/", outcome.Output);
    }

    [Fact]
    public void It_replaces_an_earlier_publish_but_nothing_else()
    {
        using var sandbox = Prepare();
        Assert.Equal(0, sandbox.Run(["publish", "../two words"]).ExitCode);
        Assert.Equal(0, sandbox.Run(["publish", "../two words"]).ExitCode);

        sandbox.Write("mine/data/thesis.txt", "years of work");
        var outcome = sandbox.Run(["publish", "../mine"]);

        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("attune publish has 1 problem\n  DIR  is ../mine, which holds other things, expected ", outcome.Errors);
        Assert.True(File.Exists(Path.Combine(sandbox.Folder, "mine/data/thesis.txt")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_publish_that_fails_leaves_what_was_there_and_the_next_works(bool isFirst)
    {
        using var sandbox = Prepare();
        if (!isFirst)
            sandbox.Run(["publish", "../two words"]);
        else
            Directory.CreateDirectory(Published(sandbox));
        var before = Files();
        sandbox.Tool("dotnet", """
            while [ "$1" != -o ]; do shift; done
            mkdir -p "$2"; echo half > "$2/Attune.Cli"
            echo "error CS1002: ; expected"; exit 1
            """);

        var failed = sandbox.Run(["publish", "../two words"]);

        Assert.Equal(2, failed.ExitCode);
        Assert.Equal("error CS1002: ; expected\nThe program has 1 problem\n  src  cannot be published, expected no error; the lines above say why\n", failed.Errors[failed.Errors.IndexOf("error", StringComparison.Ordinal)..]);
        Assert.Equal(before, Files());
        Publishes(sandbox);
        Assert.Equal(0, sandbox.Run(["publish", "../two words"]).ExitCode);
        Assert.Contains("program/Attune.Cli", Files().Keys);
        Assert.False(Directory.Exists(Path.Combine(Published(sandbox), ".attune-new")));

        SortedDictionary<string, string> Files() => new(Directory.GetFiles(Published(sandbox), "*", SearchOption.AllDirectories).ToDictionary(file => Path.GetRelativePath(Published(sandbox), file), File.ReadAllText));
    }

    [Theory]
    [InlineData]
    [InlineData("one", "two")]
    public void It_wants_exactly_one_folder(params string[] folders)
    {
        using var sandbox = Prepare();

        var outcome = sandbox.Run(["publish", .. folders]);

        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("run './attune publish DIR'", outcome.Errors);
    }

    [Fact]
    public void The_real_build_is_below_60_MB_compressed_and_starts()
    {
        using var sandbox = new Sandbox();
        var folder = Path.Combine(sandbox.Folder, "published");
        var machine = new Dictionary<string, string?>
        {
            ["PATH"] = Environment.GetEnvironmentVariable("PATH"),
            ["ATTUNE_LIBTORCH"] = Environment.GetEnvironmentVariable("ATTUNE_LIBTORCH"),
        };

        var outcome = sandbox.Run(["publish", folder], Path.Combine(Sandbox.FindCheckout(AppContext.BaseDirectory), "attune"), environment: machine);
        Assert.True(outcome.ExitCode == 0, outcome.Errors);

        using var size = new MemoryStream();
        using (var compressed = new GZipStream(size, CompressionLevel.Optimal, leaveOpen: true))
            TarFile.CreateFromDirectory(folder, compressed, includeBaseDirectory: false);
        Assert.InRange(size.Length, 10_000_000, 60_000_000);

        // where there is no .NET
        machine["PATH"] = sandbox.PathWithout("dotnet");
        machine["DOTNET_ROOT"] = machine["ATTUNE_HOME"] = null;
        Outcome Start(params string[] line) => sandbox.Run(line, Path.Combine(folder, "attune"), from: "/", environment: machine);
        var help = Start("--help");
        Assert.True(help.ExitCode == 0, help.Errors);
        var score = Start("score", Path.Combine(folder, "models/base"), "--ids", "5 17 3", "--json");
        Assert.True(score.ExitCode == 0, score.Errors);
        Assert.Contains("\"logProbs\":", score.Output);
        sandbox.Write("sft.yaml", $$"""
            from: {{folder}}/models/base
            data: [{path: {{folder}}/data/quickstart/demonstrations.jsonl, format: prompts}]
            rows: {longest: 128}
            sft: {epochs: 1}
            """);
        var doctor = Start("doctor", Path.Combine(sandbox.Folder, "sft.yaml"), "--json");
        Assert.True(doctor.ExitCode == 0, doctor.Errors);
        Assert.Contains("\"stage\":\"sft\"", doctor.Output);
        var database = Start("db", "migrate", "--db", Path.Combine(sandbox.Folder, "published.db"));
        Assert.True(database.ExitCode == 0, database.Errors);
        var shipped = Start("doctor", Path.Combine(folder, "recipes/base.yaml")); // its texts do not come with Attune
        Assert.Equal(2, shipped.ExitCode);
        Assert.Contains("ATTUNE_FIXTURES", shipped.Errors);
    }

    private static string Published(Sandbox sandbox) => Path.Combine(sandbox.Folder, "two words");

    private static Sandbox Prepare()
    {
        var sandbox = new Sandbox();
        Publishes(sandbox);
        return sandbox;
    }

    private static void Publishes(Sandbox sandbox) =>
        sandbox.Tool("dotnet", """
            while [ "$1" != -o ]; do shift; done
            mkdir -p "$2"
            { echo '#!/bin/sh'
            echo 'for argument in "$@"; do echo "[$argument]"; done; echo "bridge=$ATTUNE_BRIDGE"'; } > "$2/Attune.Cli"
            chmod +x "$2/Attune.Cli"
            """);
}
