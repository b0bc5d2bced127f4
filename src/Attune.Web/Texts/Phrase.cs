namespace Attune.Web.Texts;

/// <summary>Something to be said in the language of who reads it: the key of a text and what is filled in, phrases again among it.</summary>
/// <param name="Key">The key in the files of texts.</param>
/// <param name="Values">What stands for {0}, {1}, …</param>
public sealed record Phrase(string Key, params object?[] Values);
