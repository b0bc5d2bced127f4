using System.CommandLine;
using System.IO.Compression;
using Attune.Cli.Output;
using Attune.Runs;
using Attune.Tokens;

namespace Attune.Cli.Verbs;

/// <summary><c>attune tokenizer train|encode|decode</c>.</summary>
internal static class TokenizerVerb
{
    private static readonly Argument<string> Tokenizer = new("tokenizer") { Description = "Model folder or tokenizer.json" };

    public static Command Create(ConsoleOutput output) =>
        new("tokenizer", "Learn byte-pair pieces from text; turn text into ids and back.") { Train(output), Encode(output), Decode(output) };

    private static Verb Train(ConsoleOutput output)
    {
        var files = new Argument<string[]>("files") { Description = "Text files, .gz too; each is one document", Arity = ArgumentArity.OneOrMore };
        var vocabulary = new Option<int>("--vocabulary") { Description = "Pieces altogether", DefaultValueFactory = _ => 4_096 };
        var verb = new Verb("train", "Learn a byte-level BPE vocabulary.", "attune tokenizer train corpus.txt --vocabulary 4096 --out tokenizers/mine")
        {
            files, vocabulary, CommonOptions.Out, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, stop) =>
        {
            var folder = parsed.GetValue(CommonOptions.Out) ?? throw InputException.One("attune tokenizer train", "has no --out", "a folder for tokenizer.json", "add --out DIR");
            AtomicFile.RequireWritable(folder);
            var tokenizer = BpeTrainer.Train(ReadAll(parsed.GetValue(files)!), new() { VocabularySize = parsed.GetValue(vocabulary) }, stop);
            tokenizer.Save(folder);
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(new { folder, tokenizer.VocabularySize });
            else
                output.Line($"{folder} has {tokenizer.VocabularySize} pieces");
        });
    }

    private static Verb Encode(ConsoleOutput output)
    {
        var text = new Option<string>("--text") { Description = "The text; standard input without it" };
        var verb = new Verb("encode", "Print the ids of a text.", "attune tokenizer encode models/base --text \"Once upon a time\"") { Tokenizer, text, CommonOptions.Json };
        return verb.Does(output, (parsed, _) =>
        {
            var tokenizer = Attune.Tokens.Tokenizer.Load(parsed.GetRequiredValue(Tokenizer));
            var ids = tokenizer.Encode(parsed.GetValue(text) ?? output.Input.ReadToEnd());
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(new { ids });
            else
                output.Line(string.Join(' ', ids));
        });
    }

    private static Verb Decode(ConsoleOutput output)
    {
        var given = new Option<string>("--ids") { Description = "Ids with spaces between; standard input without it" };
        var verb = new Verb("decode", "Print the text of ids.", "attune tokenizer decode models/base --ids \"5 17 3\"") { Tokenizer, given, CommonOptions.Json };
        return verb.Does(output, (parsed, _) =>
        {
            var tokenizer = Attune.Tokens.Tokenizer.Load(parsed.GetRequiredValue(Tokenizer));
            var ids = Ids.Parse(parsed.GetValue(given) ?? output.Input.ReadToEnd(), tokenizer.VocabularySize);
            var text = tokenizer.Decode(ids);
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(new { text });
            else
                output.Line(text);
        });
    }

    /// <summary>Each file whole, one at a time.</summary>
    private static IEnumerable<string> ReadAll(IEnumerable<string> paths)
    {
        var missing = paths.Where(p => !File.Exists(p)).Select(p => Problem.Of(p, "does not exist", "a text file", "check the path")).ToList();
        if (missing.Count > 0)
            throw new InputException("attune tokenizer train", missing);
        return paths.Select(path =>
        {
            using var file = File.OpenRead(path);
            using Stream plain = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
            using var reader = new StreamReader(plain);
            return reader.ReadToEnd();
        });
    }
}
