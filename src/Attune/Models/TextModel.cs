using Attune.Runs;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Models;

/// <summary>A language model with the tokenizer that belongs to it: what a whole Hugging Face folder holds. Owns the model.</summary>
public sealed class TextModel : IDisposable
{
    /// <summary>Joins a model and its tokenizer.</summary>
    /// <exception cref="InputException">Their sizes do not fit.</exception>
    public TextModel(CausalLm model, Tokenizer tokenizer, string from = "The tokenizer")
    {
        model.Config.CheckTokenizer(tokenizer.VocabularySize, from);
        (Model, Tokenizer) = (model, tokenizer);
    }

    /// <summary>The model.</summary>
    public CausalLm Model { get; }

    /// <summary>Its tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>The author's settings for sampling, which a saved model keeps.</summary>
    public GenerationConfig Usual { get; init; } = new();

    /// <summary>Tokens that end an answer: those for sampling, else the config's, else the tokenizer's; may be none.</summary>
    public IReadOnlyList<int> EndIds => Usual.EndIdsOf(Model.Config, Tokenizer);

    /// <summary>What fills rows up: the config's or the tokenizer's padding token, else 0. It never reaches a result.</summary>
    public int PaddingId => Model.Config.PadId ?? Tokenizer.PaddingId ?? 0;

    /// <summary>Reads a model folder with its tokenizer.</summary>
    /// <exception cref="InputException">The folder is missing, damaged, of an unknown kind, or its parts do not belong together.</exception>
    /// <param name="folder">The folder.</param>
    /// <param name="compute">Device and dtype to compute with.</param>
    /// <param name="adapter">The adapter that is to stand beside it, if any.</param>
    public static TextModel Load(string folder, Compute compute, AdapterSettings? adapter = null)
    {
        var files = ModelDescription.Read(folder, TokenizerUse.Needed); // the cheap checks before the weights are read
        var model = files.Load(compute, adapter);
        try
        {
            return new(model, files.Tokenizer!, folder) { Usual = files.Usual };
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The same tokenizer with a copy of the weights.</summary>
    public TextModel Copy() => new(Model.Copy(), Tokenizer) { Usual = Usual };

    /// <summary>This model with a fresh adapter beside its frozen weights, as a recipe's section says; itself where there is none. Takes the model over.</summary>
    /// <exception cref="InputException">The settings do not fit the model.</exception>
    internal TextModel Adapted(AdapterSettings? settings, Seed seed)
    {
        if (settings is null)
            return this;
        try
        {
            var adapter = LoraAdapter.Create(Model.Config, settings, seed.For("adapter"), Model.Compute);
            return new(Model.With(adapter, Model.Config.Head, takesBase: true), Tokenizer) { Usual = Usual };
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Writes the whole folder, or nothing; of an adapted model the adapter alone.</summary>
    public void Save(string folder) => Model.Save(folder, new() { Generation = Usual, AddFiles = Tokenizer.Save });

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();
}
