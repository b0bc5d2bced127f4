namespace Attune.Cli.Tests.Verbs;

public sealed class ChatModelOptionsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("attune-chatmodel-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("--model-name  is missing, expected the model's name at --model-url", "--model-url", "http://127.0.0.1:1/v1")]
    [InlineData("--model-url  is ftp://example.org, expected an address that begins with https:// or http://", "--model-url", "ftp://example.org", "--model-name", "m")]
    [InlineData("--model  is folder beside --model-url http://127.0.0.1:1/v1, expected one of the two", "--model", "folder", "--model-url", "http://127.0.0.1:1/v1", "--model-name", "m")]
    [InlineData("--model-name  is m without --model-url, expected both or neither", "--model-name", "m")]
    [InlineData("--model-key-variable  is ATTUNE_NO_SUCH_KEY, which is not set, expected a variable that holds the key", "--model-url", "http://127.0.0.1:1/v1", "--model-name", "m", "--model-key-variable", "ATTUNE_NO_SUCH_KEY")]
    public async Task Flags_that_name_no_model_are_refused_and_no_database_is_made(string said, params string[] flags)
    {
        var database = Path.Combine(_folder, "attune.db");

        var printed = await Printed.By(["annotate", "--db", database, .. flags]);

        Assert.True((printed.ExitCode, printed.Result) == (2, "") && printed.Log.Contains(said), $"exit code {printed.ExitCode}: {printed.Log}");
        Assert.False(File.Exists(database));
    }
}
