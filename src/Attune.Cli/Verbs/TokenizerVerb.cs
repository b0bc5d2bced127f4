using System.CommandLine;
using Attune.Cli.Output;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;

namespace Attune.Cli.Verbs;

/// <summary><c>attune tokenizer train|encode|decode</c>.</summary>
internal static class TokenizerVerb
{
    private static readonly Argument<string> Tokenizer = new("tokenizer") { Description = "Model folder, or a tokenizer's file: tokenizer.json, vocab.json, a SentencePiece model, ranks of tiktoken" };

    public static Command Create(ConsoleOutput output) =>
        new("tokenizer", "Learn byte-pair pieces from text; turn text into ids and back.") { Train(output), Encode(output), Decode(output) };

    private static Verb Train(ConsoleOutput output)
    {
        const string Title = "attune tokenizer train";
        var data = new Argument<string[]>("data") { Description = "Files, folders or patterns such as 'books/*.txt'; .gz too", Arity = ArgumentArity.OneOrMore };
        var format = new Option<DataFormat>("--format") { Description = "Plain text, or JSON Lines with a field \"text\"; text without it", HelpName = "text|documents" };
        var separator = new Option<string>("--separator") { Description = "Plain text: the line between documents, \"\" for a blank one; without it a file is one document", HelpName = "LINE" };
        var vocabulary = new Option<int>("--vocabulary") { Description = "Pieces altogether", DefaultValueFactory = _ => 4_096 };
        var verb = new Verb("train", "Learn a byte-level BPE vocabulary.", "attune tokenizer train corpus.txt --vocabulary 4096 --out tokenizers/mine")
        {
            data, format, separator, vocabulary, CommonOptions.Out, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, stop) =>
        {
            var options = new BpeTrainerOptions { VocabularySize = parsed.GetValue(vocabulary) };
            var sources = parsed.GetValue(data)!.Select(path => new DataSource { Path = path, Format = parsed.GetValue(format), Separator = parsed.GetValue(separator) }).ToArray();
            var problems = options.Check().Select(p => p with { Key = vocabulary.Name }).ToList();
            problems.AddRange(DataSource.CheckFormats(sources[..1], "", DataFormat.Text, DataFormat.Documents).Select(p => p with { Key = format.Name }));
            problems.AddRange(sources[0].Check().Select(p => p with { Key = $"--{p.Key}" }));
            if (parsed.GetValue(CommonOptions.Out) is not { Length: > 0 } folder)
                throw new InputException(Title, [.. problems, Problem.Of("", "has no --out", "a folder for tokenizer.json", "add --out DIR")]);
            if (problems.Count > 0)
                throw new InputException(Title, problems);
            var (files, documents) = TokenizerTraining.Check(sources);
            AtomicFile.RequireWritable(folder);
            using var progress = output.Progress(TimeProvider.System);
            var tokenizer = TokenizerTraining.Run(files, documents, options, progress, stop);
            tokenizer.Save(folder);
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(new { folder, documents, tokenizer.VocabularySize });
            else
                output.Line($"{folder} has {tokenizer.VocabularySize} pieces");
        });
    }

    private static Verb Encode(ConsoleOutput output)
    {
        var text = new Option<string>("--text") { Description = "The text; standard input without it" };
        var special = new Option<bool>("--special") { Description = "Take special tokens in the text as such, and put around it what the tokenizer puts there" };
        var verb = new Verb("encode", "Print the ids of a text.", "attune tokenizer encode models/base --text \"Once upon a time\"") { Tokenizer, text, special, CommonOptions.Json };
        return verb.Does(output, (parsed, _) =>
        {
            var tokenizer = Attune.Tokens.Tokenizer.Load(parsed.GetRequiredValue(Tokenizer));
            var given = parsed.GetValue(text) ?? output.ReadInput();
            var ids = parsed.GetValue(special) ? [.. tokenizer.Opened(tokenizer.EncodeWithAddedTokens(given)), .. tokenizer.Closing] : tokenizer.Encode(given);
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
            var ids = Ids.Parse(parsed.GetValue(given) ?? output.ReadInput(), tokenizer.VocabularySize);
            var text = tokenizer.Decode(ids);
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(new { text });
            else
                output.Line(text);
        });
    }
}
