using Attune.Runs;

namespace Attune.Tests.Runs;

public sealed class ResultFileTests : IDisposable
{
    private enum Ending
    {
        StoppedEarly,
    }

    private sealed record Outcome
    {
        public double Loss { get; init; }

        public double Gap { get; init; } = double.NaN;

        public float Share { get; init; } = float.PositiveInfinity;

        public Ending Ending { get; init; }

        public string Note { get; init; } = "";
    }

    private readonly string _root = Directory.CreateTempSubdirectory("attune-result-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void A_result_reads_back_to_the_bit_with_NaN_for_what_was_not_finite()
    {
        var outcome = new Outcome { Loss = 1.0 / 3, Note = "„naïve“ <b>" };
        ResultFile.Write(_root, outcome);

        Assert.Equal(outcome with { Share = float.NaN }, ResultFile.Read<Outcome>(_root));
        Assert.Equal(["result.json"], Directory.GetFileSystemEntries(_root).Select(Path.GetFileName));
    }

    [Fact]
    public void Json_is_one_line_with_camel_case_kebab_case_and_null() => Assert.Equal(
        "{\"loss\":0.3333333333333333,\"gap\":null,\"share\":null,\"ending\":\"stopped-early\",\"note\":\"<b>\"}",
        ResultFile.Json(new Outcome { Loss = 1.0 / 3, Note = "<b>" }));

    [Fact]
    public void No_file_is_no_result() => Assert.Null(ResultFile.Read<Outcome>(_root));

    [Fact]
    public void A_damaged_file_is_named()
    {
        var path = Path.Combine(_root, ResultFile.Name);
        File.WriteAllText(path, "{\n  \"loss\": \"much\"\n}");

        var message = Assert.Throws<InputException>(() => ResultFile.Read<Outcome>(_root)).Message;

        Assert.Equal($"{path} has 1 problem\n  cannot be read ($.loss, line 2), expected what the run wrote; run the stage again with --force", message);
    }
}
