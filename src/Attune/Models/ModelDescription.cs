using Attune.Runs;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Models;

/// <summary>Whether a model folder's tokenizer is read.</summary>
public enum TokenizerUse
{
    /// <summary>It is not looked at: ids go in and numbers come out.</summary>
    Never,

    /// <summary>Where there is one.</summary>
    IfThere,

    /// <summary>A folder without one is refused.</summary>
    Needed,
}

/// <summary>
/// What the folder of a language model says of itself: all that a request can be checked against before the weights are read, which may take
/// long.
/// </summary>
public sealed class ModelDescription
{
    private ModelDescription(string folder, TransformerConfig config) => (Folder, Config) = (folder, config);

    /// <summary>Where it is.</summary>
    public string Folder { get; }

    /// <summary>The model's shape.</summary>
    public TransformerConfig Config { get; }

    /// <summary>The author's settings for sampling; empty where the folder has none.</summary>
    public GenerationConfig Usual { get; private init; } = new();

    /// <summary>The tokenizer, if it was read.</summary>
    public Tokenizer? Tokenizer { get; private init; }

    /// <summary>Tokens that end an answer: those for sampling, else the config's, else the tokenizer's; may be none.</summary>
    public IReadOnlyList<int> EndIds => Usual.EndIdsOf(Config, Tokenizer);

    /// <summary>Reads all but the weights.</summary>
    /// <exception cref="InputException">The folder is missing, damaged, of an unknown kind, or its parts do not belong together.</exception>
    public static ModelDescription Read(string folder, TokenizerUse use)
    {
        if (!Directory.Exists(folder))
            throw InputException.One(folder, File.Exists(folder) ? "is a file" : "does not exist", "a model folder", "check the path");
        var config = HuggingFaceFolder.ReadConfig(folder);
        CausalLm.RequireLogits(config, folder);
        return new(folder, config) { Usual = ReadUsual(folder, config), Tokenizer = ReadTokenizer(folder, config, use) };
    }

    /// <summary>The tokenizer of a model's folder, or of an adapter's: its own, else its base's.</summary>
    /// <exception cref="InputException">It is missing or damaged.</exception>
    public static Tokenizer TokenizerOf(string folder) => Tokenizer.Load(WithTokenizer(folder));

    /// <summary>Reads the weights.</summary>
    /// <exception cref="InputException">They are missing, damaged, or do not fit the config.</exception>
    /// <param name="compute">Device and dtype to compute with.</param>
    /// <param name="adapter">The adapter that is to stand beside it, if any.</param>
    /// <param name="weights">How the weights are to stand in memory.</param>
    public CausalLm Load(Compute compute, AdapterSettings? adapter = null, WeightForm weights = WeightForm.Full) => CausalLm.Load(Folder, compute, adapter, weights);

    private static string WithTokenizer(string folder) => AdapterFolder.FolderWith(folder, f => Tokenizer.FileIn(f) is not null);

    private static GenerationConfig ReadUsual(string folder, TransformerConfig config)
    {
        if (GenerationConfig.Read(AdapterFolder.FolderWith(folder, f => File.Exists(Path.Combine(f, GenerationConfig.FileName)))) is not { } usual)
            return new();
        if (usual.EndIds.FirstOrDefault(id => id >= config.VocabularySize, -1) is var id and >= 0)
        {
            throw new InputException(Path.Combine(folder, GenerationConfig.FileName), [Problem.Of("eos_token_id", $"is {id}",
                $"an id below the vocabulary's size {config.VocabularySize}", "correct it, or leave it out")]);
        }
        return usual;
    }

    private static Tokenizer? ReadTokenizer(string folder, TransformerConfig config, TokenizerUse use)
    {
        if (use == TokenizerUse.Never)
            return null;
        if (Tokenizer.FileIn(WithTokenizer(folder)) is not { } file)
        {
            return use == TokenizerUse.IfThere ? null : throw InputException.One(folder, "holds no tokenizer",
                "tokenizer.json beside config.json, as text is turned into ids by it", "add the one that the model was trained with, or give ids");
        }
        var tokenizer = TokenizerOf(folder);
        config.CheckTokenizer(tokenizer.VocabularySize, file);
        return tokenizer;
    }
}
